{{- define "therapy-policy.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end }}
{{- end }}

{{- define "therapy-policy.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "therapy-policy.labels" -}}
{{ include "therapy-policy.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* The container, for either mode. */}}
{{- define "therapy-policy.container" -}}
name: therapy-policy
image: {{ printf "%s@%s" .Values.image.repository .Values.image.digest }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  - --port={{ .Values.port }}
  - --diagnostics-port={{ .Values.diagnosticsPort }}
{{- if eq .Values.mode "sidecar" }}
  - --listen=127.0.0.1
  - --diagnostics-listen=0.0.0.0
{{- else }}
  - --listen=0.0.0.0
{{- $name := include "therapy-policy.name" . }}
{{- $in := printf "%s.%s" $name .Release.Namespace }}
{{- range concat (list $name $in (printf "%s.svc" $in) (printf "%s.svc.%s" $in .Values.clusterDomain)) .Values.hosts }}
  - --front-host={{ . }}
{{- end }}
{{- if .Values.tls.secretName }}
  - --tls-certificate=/tls/tls.crt
  - --tls-key=/tls/tls.key
{{- end }}
{{- if .Values.tls.clientCaSecretName }}
  - --tls-client-ca=/client-ca/ca.crt
{{- end }}
{{- end }}
{{- range .Values.extraArgs }}
  - {{ . | quote }}
{{- end }}
env:
  - name: GOMEMLIMIT
    value: {{ .Values.goMemoryLimit }}
ports:
{{- if ne .Values.mode "sidecar" }}
  - name: decisions
    containerPort: {{ .Values.port }}
{{- end }}
  - name: diagnostics
    containerPort: {{ .Values.diagnosticsPort }}
# Not readiness: a sidecar that waits for its first bundle must not be killed.
startupProbe:
  httpGet:
    path: /health/live
    port: diagnostics
  periodSeconds: 1
  timeoutSeconds: 3
  failureThreshold: 60
readinessProbe:
  httpGet:
    path: /health/ready
    port: diagnostics
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
livenessProbe:
  httpGet:
    path: /health/live
    port: diagnostics
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  runAsNonRoot: true
  readOnlyRootFilesystem: true
  allowPrivilegeEscalation: false
  capabilities:
    drop: [ALL]
  seccompProfile:
    type: RuntimeDefault
volumeMounts:
  - name: therapy-policy-tmp
    mountPath: /tmp
{{- if .Values.tls.secretName }}
  - name: therapy-policy-tls
    mountPath: /tls
    readOnly: true
{{- end }}
{{- if .Values.tls.clientCaSecretName }}
  - name: therapy-policy-client-ca
    mountPath: /client-ca
    readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . | indent 2 }}
{{- end }}
{{- end }}

{{/* For the initContainers of a pod. It starts before the other containers, and stops after them. */}}
{{- define "therapy-policy.sidecar" -}}
{{- if ne .Values.mode "sidecar" }}{{ fail "set mode: sidecar for therapy-policy" }}{{ end -}}
{{ include "therapy-policy.container" . }}
restartPolicy: Always
{{- end }}

{{/* For the volumes of a pod. */}}
{{- define "therapy-policy.volumes" -}}
- name: therapy-policy-tmp
  emptyDir:
    medium: Memory
    sizeLimit: 16Mi
{{- if .Values.tls.secretName }}
- name: therapy-policy-tls
  secret:
    secretName: {{ .Values.tls.secretName }}
{{- end }}
{{- if .Values.tls.clientCaSecretName }}
- name: therapy-policy-client-ca
  secret:
    secretName: {{ .Values.tls.clientCaSecretName }}
    items:
      - key: ca.crt
        path: ca.crt
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* For the labels of a pod: the PodMonitor selects by it. */}}
{{- define "therapy-policy.podLabels" -}}
therapy-policy: {{ .Values.mode }}
{{- end }}
